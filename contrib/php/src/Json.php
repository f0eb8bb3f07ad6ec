<?php

declare(strict_types=1);

namespace Rpcd;

use InvalidArgumentException;
use JsonException;
use Rpcd\Exception\ProtocolException;
use SensitiveParameter;

/**
 * JSON in which every value stays what it is: objects are stdClass, also empty ones, arrays are lists, 1.0 is not 1.
 *
 * @internal
 */
final class Json
{
    /** As deep as the server reads and writes (64), and the envelope. */
    private const DEPTH = 80;

    /**
     * @throws InvalidArgumentException for what JSON cannot hold: bytes that are not UTF-8, INF, NAN, resources
     */
    public static function encode(#[SensitiveParameter] mixed $value): string
    {
        $flags = JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE;
        try {
            return json_encode($value, $flags, self::DEPTH);
        } catch (JsonException $error) {
            throw new InvalidArgumentException("This cannot be sent as JSON: {$error->getMessage()}", 0, $error);
        }
    }

    /**
     * @throws ProtocolException for what is not JSON, and for numbers that PHP cannot hold as they are
     */
    public static function decode(#[SensitiveParameter] string $text): mixed
    {
        try {
            $value = json_decode($text, false, self::DEPTH, JSON_THROW_ON_ERROR);
            // PHP silently makes floats of integers over 64 bits. Asked to keep their digits, it gives another value.
            $exact = preg_match('/\d{19}/', $text) === 1
                ? json_decode($text, false, self::DEPTH, JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING)
                : $value;
        } catch (JsonException $error) {
            throw new ProtocolException("The answer is not JSON: {$error->getMessage()}", 0, $error);
        }
        if ($exact !== $value && serialize($exact) !== serialize($value)) {
            throw new ProtocolException('The answer holds an integer of more than 64 bits, which PHP cannot hold');
        }

        return $value;
    }
}
