<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * Some kept revisions, the newest first, and the present one; where `next` is set there are more: give it as `after`.
 */
final readonly class History
{
    /**
     * @param list<Revision> $revisions
     */
    public function __construct(
        public array $revisions,
        public string $revision,
        public ?int $next,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            array_map(Revision::read(...), $result->objects('revisions')),
            $result->string('revision'),
            $result->has('next') ? $result->int('next') : null,
        );
    }
}
