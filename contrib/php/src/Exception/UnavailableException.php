<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * Shutting down, read-only, or the audit log cannot be written.
 */
final class UnavailableException extends RefusalException
{
}
