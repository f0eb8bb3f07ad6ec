<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * No grant covers this call.
 */
final class DeniedException extends RefusalException
{
}
