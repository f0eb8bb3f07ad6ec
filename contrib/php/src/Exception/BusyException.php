<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * A quota is used up; `data->retry_after` is in seconds.
 */
final class BusyException extends RefusalException
{
}
