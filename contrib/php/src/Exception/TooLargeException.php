<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * Message, content, document or reply above `data->limit`. Also thrown here, before anything is sent.
 */
final class TooLargeException extends RefusalException
{
}
