<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * How two revisions differ, as far as the caller may read; `truncated` where there was no room for all of it.
 */
final readonly class Diff
{
    public function __construct(
        public string $from,
        public string $to,
        public string $diff,
        public bool $truncated,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            $result->string('from'),
            $result->string('to'),
            $result->string('diff'),
            $result->has('truncated') && $result->bool('truncated'),
        );
    }
}
