<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * Some keys of a document in its order; where `next` is set there are more: give it as `after`.
 */
final readonly class Keys
{
    /**
     * @param list<Key> $keys
     */
    public function __construct(
        public array $keys,
        public string $revision,
        public ?string $next,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        $keys = array_map(Key::read(...), $result->objects('keys'));

        return new self($keys, $result->string('revision'), $result->stringOrNull('next'));
    }
}
