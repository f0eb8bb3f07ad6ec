<?php

declare(strict_types=1);

namespace Rpcd;

/**
 * One datagram from the server, and what was in the descriptors that came with it.
 *
 * @internal
 */
final readonly class Reply
{
    /** @param list<string> $contents */
    public function __construct(public string $data, public array $contents)
    {
    }
}
