<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A change that was made, or, with `dryRun`, that would be: then `diff` tells it, as far as the caller may read.
 *
 * `changed` is false where the file was like that already. `revision` is what is on disk now (with `dryRun`: what would
 * be), `previous` what was there before; `absent` is the revision where there is no file.
 */
final readonly class Change
{
    public function __construct(
        public string $target,
        public bool $changed,
        public string $revision,
        public string $previous,
        public ?string $diff,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            $result->string('target'),
            $result->bool('changed'),
            $result->string('revision'),
            $result->string('previous'),
            $result->stringOrNull('diff'),
        );
    }
}
