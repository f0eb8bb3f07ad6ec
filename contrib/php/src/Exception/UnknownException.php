<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The server cannot say whether the change is durable.
 */
final class UnknownException extends RefusalException implements OutcomeUnknown
{
}
