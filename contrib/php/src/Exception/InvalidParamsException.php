<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * The parameters break the method's schema; `data->faults` says where and which rule.
 */
final class InvalidParamsException extends RefusalException
{
}
