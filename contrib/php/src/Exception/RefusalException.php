<?php

declare(strict_types=1);

namespace Rpcd\Exception;

use Rpcd\Members;
use stdClass;

/**
 * The server refused. `$kind` is stable and is what programs compare; the code is the JSON-RPC error's.
 *
 * Each kind has a class of its own; one that a later server has and we do not know is a plain RefusalException.
 */
class RefusalException extends RpcdException
{
    private const KINDS = [
        'parse_error' => ParseException::class,
        'invalid_request' => InvalidRequestException::class,
        'no_such_method' => NoSuchMethodException::class,
        'invalid_params' => InvalidParamsException::class,
        'internal' => InternalException::class,
        'denied' => DeniedException::class,
        'no_such_target' => NoSuchTargetException::class,
        'no_such_key' => NoSuchKeyException::class,
        'no_such_file' => NoSuchFileException::class,
        'no_such_revision' => NoSuchRevisionException::class,
        'conflict' => ConflictException::class,
        'request_id_reused' => RequestIdReusedException::class,
        'too_large' => TooLargeException::class,
        'not_editable' => NotEditableException::class,
        'rejected' => RejectedException::class,
        'busy' => BusyException::class,
        'unknown' => UnknownException::class,
        'unavailable' => UnavailableException::class,
        'storage' => StorageException::class,
    ];

    public readonly string $kind;

    /** @param stdClass $data the kind, and what it names */
    public function __construct(int $code, string $message, public readonly stdClass $data)
    {
        parent::__construct($message, $code);
        $this->kind = $data->kind;
    }

    /**
     * The exception for an error object (JSON-RPC 2.0, section 5.1).
     *
     * @throws ProtocolException where it is none
     */
    public static function of(mixed $error): self
    {
        $members = new Members($error);
        $data = $members->any('data');
        $class = self::KINDS[(new Members($data))->string('kind')] ?? self::class;

        return new $class($members->int('code'), $members->string('message'), $data);
    }
}
