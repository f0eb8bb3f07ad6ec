<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * `ifRevision` or `expect` does not hold; `data->revision` is the current one.
 */
final class ConflictException extends RefusalException
{
}
