<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * A call that made a revision: whose, which method and keys, on whose behalf, why, and the caller's name for it.
 */
final readonly class Edit
{
    /**
     * @param list<string> $keys
     */
    public function __construct(
        public int $uid,
        public ?string $user,
        public string $method,
        public array $keys,
        public ?string $actor,
        public ?string $note,
        public ?string $requestId,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            $result->int('uid'),
            $result->stringOrNull('user'),
            $result->string('method'),
            $result->has('keys') ? $result->list('keys') : [],
            $result->stringOrNull('actor'),
            $result->stringOrNull('note'),
            $result->stringOrNull('request_id'),
        );
    }
}
