<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The same `requestId` was used within a day for something else; this call changed nothing.
 */
final class RequestIdReusedException extends RefusalException
{
}
