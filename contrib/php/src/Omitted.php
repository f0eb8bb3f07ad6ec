<?php

declare(strict_types=1);

namespace Rpcd;

/**
 * What a parameter is that was not given, where null would be a value: JSON's null.
 */
enum Omitted
{
    case Argument;
}
