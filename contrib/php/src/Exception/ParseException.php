<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The server takes the message for something else than strict JSON.
 */
final class ParseException extends RefusalException
{
}
