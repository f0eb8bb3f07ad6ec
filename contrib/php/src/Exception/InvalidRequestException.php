<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The message is no JSON-RPC 2.0 request.
 */
final class InvalidRequestException extends RefusalException
{
}
