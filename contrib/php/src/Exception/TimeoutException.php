<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The server did not accept the connection, take the request or answer it in time. Nothing has changed.
 */
final class TimeoutException extends RpcdException
{
}
