<?php

declare(strict_types=1);

namespace Rpcd\Result;

use Rpcd\Members;
use stdClass;

/**
 * What a form needs: a JSON Schema, and what the file of this revision holds as far as the caller may get it. `$values`
 * is null where there is nothing to get; `$revision` is `absent` where there is no file yet.
 */
final readonly class Description
{
    public function __construct(
        public stdClass $schema,
        public mixed $values,
        public string $revision,
    ) {
    }

    /** @internal */
    public static function read(Members $result): self
    {
        $values = $result->has('values') ? $result->any('values') : null;

        return new self($result->object('schema'), $values, $result->string('revision'));
    }
}
