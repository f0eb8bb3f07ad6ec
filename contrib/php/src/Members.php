<?php

declare(strict_types=1);

namespace Rpcd;

use Rpcd\Exception\ProtocolException;
use stdClass;

/**
 * The members of a result, each with the type that it must have; without it the answer is no answer.
 *
 * Members that a later server adds are passed over.
 *
 * @internal
 */
final class Members
{
    private readonly stdClass $members;

    /**
     * @param list<string> $contents what was in the descriptors that came with the reply
     * @throws ProtocolException where the value is no object
     */
    public function __construct(mixed $value, private readonly array $contents = [])
    {
        $this->members = $value instanceof stdClass ? $value : throw self::wrong('an object');
    }

    public function has(string $name): bool
    {
        return property_exists($this->members, $name);
    }

    /** The value of a member that must be there, whatever it is; null is a value too. */
    public function any(string $name): mixed
    {
        return $this->has($name) ? $this->members->{$name} : throw self::wrong($name);
    }

    public function string(string $name): string
    {
        $value = $this->any($name);

        return is_string($value) ? $value : throw self::wrong($name);
    }

    public function stringOrNull(string $name): ?string
    {
        return $this->has($name) && $this->any($name) !== null ? $this->string($name) : null;
    }

    public function int(string $name): int
    {
        $value = $this->any($name);

        return is_int($value) ? $value : throw self::wrong($name);
    }

    public function bool(string $name): bool
    {
        $value = $this->any($name);

        return is_bool($value) ? $value : throw self::wrong($name);
    }

    public function object(string $name): stdClass
    {
        $value = $this->any($name);

        return $value instanceof stdClass ? $value : throw self::wrong($name);
    }

    /** @return list<mixed> */
    public function list(string $name): array
    {
        $value = $this->any($name);

        return is_array($value) ? $value : throw self::wrong($name);
    }

    /** @return list<self> the objects in an array */
    public function objects(string $name): array
    {
        return array_map(static fn (mixed $entry): self => new self($entry), $this->list($name));
    }

    /** A whole file's bytes: a string, `{"base64": …}`, or `{"fd": index}` of a descriptor that came along. */
    public function content(string $name): string
    {
        $value = $this->any($name);
        if (is_string($value)) {
            return $value;
        }
        $content = new self($value);
        if ($content->has('base64')) {
            $bytes = base64_decode($content->string('base64'), true);

            return is_string($bytes) ? $bytes : throw self::wrong($name);
        }

        return $this->contents[$content->int('fd')] ?? throw self::wrong($name);
    }

    private static function wrong(string $what): ProtocolException
    {
        return new ProtocolException("The answer does not hold what it must: {$what}");
    }
}
