<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A file of a directory target; its size in bytes.
 */
final readonly class File
{
    public function __construct(
        public string $name,
        public string $revision,
        public int $size,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self($result->string('name'), $result->string('revision'), $result->int('size'));
    }
}
