<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A target that the caller's grants cover; `kind` is `file` or `directory`.
 */
final readonly class Target
{
    /**
     * @param list<string> $methods
     */
    public function __construct(
        public string $target,
        public string $format,
        public string $kind,
        public array $methods,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            $result->string('target'),
            $result->string('format'),
            $result->string('kind'),
            $result->list('methods'),
        );
    }
}
