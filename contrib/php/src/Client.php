<?php

declare(strict_types=1);

namespace Rpcd;

use Rpcd\Exception\MissingExtensionException;
use Rpcd\Exception\ProtocolException;
use Rpcd\Result\Change;
use Rpcd\Result\Content;
use Rpcd\Result\Description;
use Rpcd\Result\Diff;
use Rpcd\Result\Files;
use Rpcd\Result\Held;
use Rpcd\Result\History;
use Rpcd\Result\Keys;
use Rpcd\Result\Target;
use Rpcd\Result\Whoami;
use SensitiveParameter;
use stdClass;

/**
 * Calls rpcd.
 *
 *     $rpcd = new Rpcd\Client();
 *     $rpcd->updateKey('shop', 'mail.from', 'a@b.c', actor: 'alice');
 *     echo $rpcd->getKey('shop', 'mail.from')->value;
 *
 * Whatever fails throws, an RpcdException where it is the server's refusal or the way there: what a method returns is
 * always the answer. Values stay out of stack traces.
 * Methods and parameters are the server's; its schemas are the full truth about them.
 *
 * A key is dotted as in TOML (`mail.from`), or an array of its segments. Values are what json_decode makes of JSON:
 * objects are stdClass. Sent the same way: a PHP array is a list, or an object where it has string keys; an empty
 * object is `new stdClass()`.
 *
 * Every change takes `ifRevision` (the revision that the file must have), `dryRun` (only tell what would happen), for
 * the audit log `actor` and `note`: on whose behalf, and why; and `requestId`, a name of your own for this one change.
 * After an AnswerLostException the same call under the same `requestId` is answered as the first was, or would have
 * been, and nothing is done twice.
 */
final class Client
{
    public const DEFAULT_SOCKET = '/run/rpcd/rpcd.sock';

    /** Bytes of one request. PHP has no memfd to pass more in. */
    public const MAX_MESSAGE = JsonRpc::MAX_MESSAGE;

    private readonly JsonRpc $rpc;

    /**
     * @param ?string $path the server's socket; unless given, what RPCD_SOCKET in the environment says
     * @param float $connectTimeout seconds to be connected
     * @param float $timeout seconds to be answered
     * @throws MissingExtensionException where PHP lacks ext-sockets
     */
    public function __construct(?string $path = null, float $connectTimeout = 5.0, float $timeout = 30.0)
    {
        if (!extension_loaded('sockets')) {
            throw new MissingExtensionException();
        }
        $path ??= getenv('RPCD_SOCKET') ?: self::DEFAULT_SOCKET;
        $this->rpc = new JsonRpc(new Connection($path, $connectTimeout, $timeout));
    }

    /** Ends the connection. A later call makes a new one. */
    public function close(): void
    {
        $this->rpc->close();
    }

    /** "pong", from a server that answers. */
    public function ping(): string
    {
        $read = static fn (mixed $result): string => $result === 'pong'
            ? $result
            : throw new ProtocolException('The answer to ping is not pong');

        return $this->rpc->call('ping', [], false, $read);
    }

    /** Who the kernel says is calling. */
    public function whoami(): Whoami
    {
        return $this->look('whoami', [], Whoami::read(...));
    }

    /**
     * Whether the caller's grants cover a call, without making it.
     *
     * @param string|list<string|int>|null $key
     */
    public function may(string $method, ?string $target = null, string|array|null $key = null): bool
    {
        $params = self::given(['method' => $method, 'target' => $target, 'key' => $key]);

        return $this->look('may', $params, static fn (Members $result): bool => $result->bool('allowed'));
    }

    /** How the server is. */
    public function status(): stdClass
    {
        $read = static fn (mixed $result): stdClass => $result instanceof stdClass
            ? $result
            : throw new ProtocolException('The answer to status is no object');

        return $this->rpc->call('status', [], false, $read);
    }

    /** @return list<Target> the targets that the caller's grants cover, and what it may call on each */
    public function targets(): array
    {
        $read = static fn (Members $result): array => array_map(Target::read(...), $result->objects('targets'));

        return $this->look('targets', [], $read);
    }

    /** What the caller may call, with parameters, results and errors: an OpenRPC document. */
    public function discover(): stdClass
    {
        $read = static fn (mixed $result, array $contents): stdClass => match (true) {
            !$result instanceof stdClass => throw new ProtocolException('The answer to rpc.discover is no object'),
            isset($result->openrpc) => $result,
            default => Json::decode((new Members($result, $contents))->content('content')),
        };

        return $this->rpc->call('rpc.discover', [], false, $read);
    }

    /**
     * What a key holds.
     *
     * @param string|list<string|int> $key
     */
    public function getKey(string $target, string|array $key): Held
    {
        return $this->look('get_key', ['target' => $target, 'key' => $key], Held::read(...));
    }

    /**
     * Gives a key a value; every other byte of the file stays. `$expect` is the value that it must have now.
     * `$useCommented` puts a new key where it stands commented out; `$shared` changes a value that others share too.
     *
     * @param string|list<string|int> $key
     */
    public function updateKey(
        string $target,
        string|array $key,
        #[SensitiveParameter] mixed $value,
        #[SensitiveParameter] mixed $expect = Omitted::Argument,
        ?string $ifRevision = null,
        bool $dryRun = false,
        ?string $actor = null,
        ?string $note = null,
        ?string $requestId = null,
        bool $useCommented = false,
        bool $shared = false,
    ): Change {
        $params = ['target' => $target, 'key' => $key, 'value' => $value] + self::expected($expect)
            + array_filter(['use_commented' => $useCommented, 'shared' => $shared]);

        return $this->change('update_key', $params, $ifRevision, $dryRun, $actor, $note, $requestId);
    }

    /**
     * Takes a key away, or a table with all that is in it. `$expect` is the value that it must have now.
     * `$comments` says whether the comment above it stays (`keep`) or goes `with` it; `$shared` is as for `updateKey`.
     *
     * @param string|list<string|int> $key
     */
    public function deleteKey(
        string $target,
        string|array $key,
        #[SensitiveParameter] mixed $expect = Omitted::Argument,
        ?string $ifRevision = null,
        bool $dryRun = false,
        ?string $actor = null,
        ?string $note = null,
        ?string $requestId = null,
        string $comments = 'keep',
        bool $shared = false,
    ): Change {
        $params = ['target' => $target, 'key' => $key] + self::expected($expect)
            + array_filter(['comments' => $comments === 'keep' ? null : $comments, 'shared' => $shared]);

        return $this->change('delete_key', $params, $ifRevision, $dryRun, $actor, $note, $requestId);
    }

    /** What a form needs: the schema of the keys that the caller is granted, and what they hold. */
    public function describe(string $target): Description
    {
        return $this->look('describe', ['target' => $target], Description::read(...));
    }

    /**
     * The keys of a document, or those at and below `$prefix`; at most `$limit`, from behind the key `$after`.
     *
     * @param string|list<string|int>|null $prefix
     */
    public function listKeys(
        string $target,
        string|array|null $prefix = null,
        ?int $limit = null,
        ?string $after = null,
    ): Keys {
        $params = ['target' => $target, 'prefix' => $prefix, 'limit' => $limit, 'after' => $after];

        return $this->look('list_keys', self::given($params), Keys::read(...));
    }

    /** A whole file. How it travels is the server's choice unless `$as` ("text", "base64", "fd") says. */
    public function readFile(string $target, ?string $as = null): Content
    {
        return $this->look('read_file', self::given(['target' => $target, 'as' => $as]), Content::read(...));
    }

    /** Gives a file a new content, or makes it. Any bytes, as far as one request (MAX_MESSAGE) holds them. */
    public function replaceFile(
        string $target,
        #[SensitiveParameter] string $content,
        ?string $ifRevision = null,
        bool $dryRun = false,
        ?string $actor = null,
        ?string $note = null,
        ?string $requestId = null,
    ): Change {
        if (strlen($content) > self::MAX_MESSAGE) {
            throw JsonRpc::tooLarge(strlen($content)); // before anything is made of it
        }
        $text = preg_match('//u', $content) === 1;
        $params = ['target' => $target, 'content' => $text ? $content : ['base64' => base64_encode($content)]];

        return $this->change('replace_file', $params, $ifRevision, $dryRun, $actor, $note, $requestId);
    }

    /** Removes a file. */
    public function deleteFile(
        string $target,
        ?string $ifRevision = null,
        bool $dryRun = false,
        ?string $actor = null,
        ?string $note = null,
        ?string $requestId = null,
    ): Change {
        return $this->change('delete_file', ['target' => $target], $ifRevision, $dryRun, $actor, $note, $requestId);
    }

    /** The files of a directory target; at most `$limit`, from behind the file `$after`. */
    public function listFiles(string $target, ?int $limit = null, ?string $after = null): Files
    {
        $params = self::given(['target' => $target, 'limit' => $limit, 'after' => $after]);

        return $this->look('list_files', $params, Files::read(...));
    }

    /** The kept revisions of a file, the newest first; at most `$limit`, from behind the one of number `$after`. */
    public function history(string $target, ?int $limit = null, ?int $after = null): History
    {
        $params = self::given(['target' => $target, 'limit' => $limit, 'after' => $after]);

        return $this->look('history', $params, History::read(...));
    }

    /** How two revisions differ; unless given, what is on disk now and the one before it. */
    public function diff(string $target, ?string $from = null, ?string $to = null): Diff
    {
        $params = self::given(['target' => $target, 'from' => $from, 'to' => $to]);

        return $this->look('diff', $params, Diff::read(...));
    }

    /** Gives a file the content of an earlier revision; `absent` removes it. */
    public function restore(
        string $target,
        string $revision,
        ?string $ifRevision = null,
        bool $dryRun = false,
        ?string $actor = null,
        ?string $note = null,
        ?string $requestId = null,
    ): Change {
        $params = ['target' => $target, 'revision' => $revision];

        return $this->change('restore', $params, $ifRevision, $dryRun, $actor, $note, $requestId);
    }

    /**
     * Any other method, such as an administrator's own; returns the result as json_decode has it.
     *
     * It is taken for one that changes something, and never asked for twice.
     *
     * @param array<string, mixed> $params
     */
    public function call(string $method, #[SensitiveParameter] array $params = []): mixed
    {
        return $this->rpc->call($method, $params, true, static fn (mixed $result): mixed => $result);
    }

    /**
     * @template T
     * @param array<string, mixed> $params
     * @param callable(Members): T $read
     * @return T
     */
    private function look(string $method, array $params, callable $read): mixed
    {
        return $this->rpc->call($method, $params, false, self::members($read));
    }

    /** @param array<string, mixed> $params */
    private function change(
        string $method,
        #[SensitiveParameter] array $params,
        ?string $ifRevision,
        bool $dryRun,
        ?string $actor,
        ?string $note,
        ?string $requestId,
    ): Change {
        $params += self::given(
            ['if_revision' => $ifRevision, 'actor' => $actor, 'note' => $note, 'request_id' => $requestId],
        );
        if ($dryRun) {
            $params['dry_run'] = true;
        }

        return $this->rpc->call($method, $params, !$dryRun, self::members(Change::read(...)));
    }

    /**
     * @template T
     * @param callable(Members): T $read
     * @return callable(mixed, list<string>): T
     */
    private static function members(callable $read): callable
    {
        return static fn (mixed $result, array $contents): mixed => $read(new Members($result, $contents));
    }

    /**
     * @param array<string, mixed> $params
     * @return array<string, mixed> those that are not null
     */
    private static function given(#[SensitiveParameter] array $params): array
    {
        return array_filter($params, static fn (mixed $param): bool => $param !== null);
    }

    /** @return array<string, mixed> */
    private static function expected(#[SensitiveParameter] mixed $expect): array
    {
        return $expect === Omitted::Argument ? [] : ['expect' => $expect];
    }
}
