<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * There is no server, or it closed the connection. Nothing has changed.
 */
final class ConnectionException extends RpcdException
{
}
