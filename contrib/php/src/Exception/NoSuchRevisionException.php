<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no such revision, or it is not kept any more.
 */
final class NoSuchRevisionException extends RefusalException
{
}
