<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A key, dotted as in TOML, and the JSON Schema name of its value's type. `$comment` is what stands above it in the
 * file, where the caller may read that.
 */
final readonly class Key
{
    public function __construct(
        public string $key,
        public string $type,
        public ?string $comment,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self($result->string('key'), $result->string('type'), $result->stringOrNull('comment'));
    }
}
