<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A key, dotted as in TOML, and the JSON Schema name of its value's type.
 */
final readonly class Key
{
    public function __construct(
        public string $key,
        public string $type,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self($result->string('key'), $result->string('type'));
    }
}
