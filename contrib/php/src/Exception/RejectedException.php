<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The target's own rules refuse the result.
 */
final class RejectedException extends RefusalException
{
}
