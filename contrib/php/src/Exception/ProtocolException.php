<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * What came back is not an answer to what was asked, or nothing that PHP can hold; the connection has been closed.
 */
final class ProtocolException extends RpcdException
{
}
