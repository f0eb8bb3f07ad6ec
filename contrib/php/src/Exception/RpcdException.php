<?php

declare(strict_types=1);

namespace Rpcd\Exception;

use RuntimeException;

/**
 * A call to rpcd that did not succeed.
 */
abstract class RpcdException extends RuntimeException
{
}
