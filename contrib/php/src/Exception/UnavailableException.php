<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * Read-only, in the administrator's words in `data->notice`, or the audit log cannot be written.
 */
final class UnavailableException extends RefusalException
{
}
