<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * What a key holds, null being JSON's null, in the file of this revision.
 */
final readonly class Held
{
    public function __construct(
        public mixed $value,
        public string $revision,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self($result->any('value'), $result->string('revision'));
    }
}
