<?php

declare(strict_types=1);

namespace Rpcd\Exception;

use Throwable;

/**
 * Nobody can say whether the change took effect: read again before you try again.
 */
interface OutcomeUnknown extends Throwable
{
}
