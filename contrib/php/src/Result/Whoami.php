<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * Who the kernel says the caller is; `user` is what the server's settings call it, `unit` its systemd unit.
 */
final readonly class Whoami
{
    /**
     * @param list<int> $groups
     */
    public function __construct(
        public int $uid,
        public int $gid,
        public array $groups,
        public ?string $user,
        public ?string $unit,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        return new self(
            $result->int('uid'),
            $result->int('gid'),
            $result->list('groups'),
            $result->stringOrNull('user'),
            $result->stringOrNull('unit'),
        );
    }
}
