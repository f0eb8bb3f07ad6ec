<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no such method.
 */
final class NoSuchMethodException extends RefusalException
{
}
