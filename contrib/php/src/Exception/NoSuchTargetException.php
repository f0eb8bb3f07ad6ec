<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no such target, said to callers with grants on all of them.
 */
final class NoSuchTargetException extends RefusalException
{
}
