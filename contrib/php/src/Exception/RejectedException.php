<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The target's own rules refuse the result; `data->faults` says where and which rule, as far as one may know.
 */
final class RejectedException extends RefusalException
{
}
