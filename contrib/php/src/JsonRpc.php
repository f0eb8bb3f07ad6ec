<?php

declare(strict_types=1);

namespace Rpcd;

use InvalidArgumentException;
use Rpcd\Exception\ProtocolException;
use Rpcd\Exception\RefusalException;
use Rpcd\Exception\RpcdException;
use Rpcd\Exception\TooLargeException;
use SensitiveParameter;

/**
 * JSON-RPC 2.0 over a connection: one request there, and only the response to exactly that request back.
 *
 * @internal
 */
final class JsonRpc
{
    /** The server's limit, in bytes, below what stock kernels pass in one datagram. */
    public const MAX_MESSAGE = 196608;

    /** Ids are never used twice, so that an answer that was given up can never be taken for another. */
    private static int $requests = 0;

    public function __construct(private readonly Connection $connection)
    {
    }

    public function close(): void
    {
        $this->connection->close();
    }

    /**
     * Makes a call, and returns what `$read` makes of its result and of the descriptors' contents.
     *
     * @template T
     * @param array<string, mixed> $params
     * @param callable(mixed, list<string>): T $read
     * @return T
     * @throws RpcdException
     * @throws InvalidArgumentException where the parameters are nothing that JSON can hold
     */
    public function call(
        string $method,
        #[SensitiveParameter] array $params,
        bool $changes,
        callable $read,
    ): mixed {
        $id = ++self::$requests;
        $body = ['jsonrpc' => '2.0', 'id' => $id, 'method' => $method, 'params' => (object) $params];
        $request = Json::encode($body);
        if (strlen($request) > self::MAX_MESSAGE) {
            throw self::tooLarge(strlen($request));
        }
        $judge = static fn (Reply $reply): mixed => $read(self::result($reply->data, $id), $reply->contents);

        return $this->connection->exchange($request, $changes, $judge);
    }

    /**
     * The result in the response to request `$id` (JSON-RPC 2.0, section 5).
     *
     * @throws RefusalException for the error in it
     * @throws ProtocolException for anything else
     */
    private static function result(#[SensitiveParameter] string $data, int $id): mixed
    {
        $response = new Members(Json::decode($data));
        $error = $response->has('error');
        if ($response->string('jsonrpc') !== '2.0' || $error === $response->has('result')) {
            throw new ProtocolException('The answer is no JSON-RPC 2.0 response');
        }
        // An error without an id: the server could not read one, and nothing was done. Nothing else is under way here.
        if ($response->any('id') !== $id && !($error && $response->any('id') === null)) {
            throw new ProtocolException('The answer is to another request');
        }

        return $error ? throw RefusalException::of($response->any('error')) : $response->any('result');
    }

    /** What a request of this many bytes fails with. */
    public static function tooLarge(int $size): TooLargeException
    {
        $limit = self::MAX_MESSAGE;
        $message = "{$size} bytes were to be sent; from PHP a request has at most {$limit}. Nothing was sent";

        return new TooLargeException(413, $message, (object) ['kind' => 'too_large', 'limit' => $limit]);
    }
}
