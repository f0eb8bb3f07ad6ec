<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The document cannot be parsed, or cannot hold the value, or the edit could not be proven.
 */
final class NotEditableException extends RefusalException
{
}
