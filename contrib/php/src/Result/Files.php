<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;

/**
 * Some files of a directory target; where `next` is set there are more: give it as `after`.
 */
final readonly class Files
{
    /**
     * @param list<File> $files
     */
    public function __construct(
        public array $files,
        public ?string $next,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        $files = array_map(File::read(...), $result->objects('files'));

        return new self($files, $result->stringOrNull('next'));
    }
}
