<?php

declare(strict_types=1);

namespace Rpcd\Result;

use DateTimeImmutable;
use Rpcd\Exception\ProtocolException;
use Rpcd\Members;

/**
 * What a file held from `time` on; `external` is what somebody put there past rpcd, and was found at that time.
 */
final readonly class Revision
{
    /**
     * @param list<Edit> $edits the calls that made it
     */
    public function __construct(
        public int $number,
        public string $revision,
        public DateTimeImmutable $time,
        public int $size,
        public bool $external,
        public array $edits,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        $time = date_create_immutable($result->string('ts'));

        return new self(
            $result->int('number'),
            $result->string('revision'),
            $time === false ? throw new ProtocolException('A revision has a time that is none') : $time,
            $result->int('size'),
            $result->bool('external'),
            array_map(Edit::read(...), $result->objects('edits')),
        );
    }
}
