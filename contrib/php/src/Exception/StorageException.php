<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The file or the file system stands in the way; nothing changed.
 */
final class StorageException extends RefusalException
{
}
