<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Exception\ProtocolException;
use Rpcd\Members;

/**
 * A whole file: its bytes, and how many they are.
 */
final readonly class Content
{
    public function __construct(
        public string $content,
        public string $revision,
        public int $size,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        $content = $result->content('content');
        $size = $result->int('size');
        if (strlen($content) !== $size) {
            throw new ProtocolException("A content of {$size} bytes arrived as " . strlen($content));
        }

        return new self($content, $result->string('revision'), $size);
    }
}
