<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * A bug in the server; `data->incident` is in its audit log too. A change may have been cut short by it.
 */
final class InternalException extends RefusalException
{
}
