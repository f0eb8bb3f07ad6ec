<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no such key in the document.
 */
final class NoSuchKeyException extends RefusalException
{
}
