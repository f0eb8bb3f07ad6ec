<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no such file.
 */
final class NoSuchFileException extends RefusalException
{
}
