<?php

declare(strict_types=1);

namespace Rpcd;

use Rpcd\Exception\AnswerLostException;
use Rpcd\Exception\ConnectionException;
use Rpcd\Exception\ProtocolException;
use Rpcd\Exception\RpcdException;
use Rpcd\Exception\TimeoutException;
use SensitiveParameter;
use Socket;
use ValueError;

/**
 * One SOCK_SEQPACKET connection to the server: a datagram there, a datagram back.
 *
 * - A connection whose exchange did not come to its end is closed and never used again.
 * - A request is sent a second time only over a new connection, only where the first was an old one that turned out to
 *   be gone, and only if it changes nothing or the kernel did not take it the first time.
 *
 * @internal
 */
final class Connection
{
    /** Bytes for one reply: more than stock kernels pass in one datagram (212,960). */
    private const ROOM = 262144;

    /** Descriptors with one reply. */
    private const DESCRIPTORS = 16;

    private ?Socket $socket = null;

    /** The process that connected: one forked from it must not take its replies. */
    private ?int $process = null;

    /** Timeouts are in seconds. */
    public function __construct(
        private readonly string $path,
        private readonly float $connectTimeout,
        private readonly float $timeout,
    ) {
    }

    public function close(): void
    {
        if ($this->socket !== null) {
            socket_close($this->socket);
            $this->socket = null;
        }
    }

    /**
     * Sends a request, waits for the answer, and returns what `$judge` makes of it.
     *
     * @template T
     * @param callable(Reply): T $judge throws ProtocolException for what is no answer
     * @return T
     * @throws RpcdException
     */
    public function exchange(#[SensitiveParameter] string $request, bool $changes, callable $judge): mixed
    {
        while (true) {
            if ($this->process !== getmypid()) {
                $this->close();
            }
            $used = $this->socket !== null;
            $socket = $this->socket ??= $this->connect();
            $sent = false;
            $done = false;
            try {
                $until = microtime(true) + $this->timeout;
                $this->send($socket, $request, $until);
                $sent = true;
                $reply = $this->receive($socket, $until);
                $done = true;

                return $judge($reply);
            } catch (ConnectionException | TimeoutException | ProtocolException $error) {
                $done = false;
                if ($sent && $changes) {
                    throw new AnswerLostException($error);
                }
                if (!$used || !$error instanceof ConnectionException) {
                    throw $error;
                }
            } finally {
                if (!$done) {
                    $this->close();
                }
            }
        }
    }

    private function connect(): Socket
    {
        $socket = @socket_create(AF_UNIX, SOCK_SEQPACKET, 0)
            ?: throw new ConnectionException('No socket can be made: ' . socket_strerror(socket_last_error()));
        $until = microtime(true) + $this->connectTimeout;
        try {
            do {
                self::limit($socket, SO_SNDTIMEO, $until);
                if (@socket_connect($socket, $this->path)) {
                    $this->process = getmypid();

                    return $socket;
                }
                $error = socket_last_error($socket);
            } while ($error === SOCKET_EINTR);
        } catch (ValueError $invalid) { // a path longer than a socket's address can be
            throw new ConnectionException("{$this->path}: {$invalid->getMessage()}", 0, $invalid);
        }
        socket_close($socket);
        throw $error === SOCKET_EAGAIN
            ? new TimeoutException("{$this->path}: no connection in {$this->connectTimeout} s")
            : new ConnectionException("{$this->path}: " . socket_strerror($error));
    }

    private function send(Socket $socket, #[SensitiveParameter] string $request, float $until): void
    {
        do {
            self::limit($socket, SO_SNDTIMEO, $until);
            if (@socket_send($socket, $request, strlen($request), MSG_NOSIGNAL) !== false) {
                return;
            }
            $error = socket_last_error($socket);
        } while ($error === SOCKET_EINTR);
        throw $error === SOCKET_EAGAIN
            ? new TimeoutException("The server did not take the request in {$this->timeout} s")
            : new ConnectionException("{$this->path}: nothing was sent: " . socket_strerror($error));
    }

    private function receive(Socket $socket, float $until): Reply
    {
        do {
            self::limit($socket, SO_RCVTIMEO, $until);
            $message = [
                'buffer_size' => self::ROOM,
                'controllen' => socket_cmsg_space(SOL_SOCKET, SCM_RIGHTS, self::DESCRIPTORS),
            ];
            socket_clear_error();
            $size = @socket_recvmsg($socket, $message, MSG_CMSG_CLOEXEC);
            if ($size !== false) {
                return $this->whole($size, $message);
            }
            $error = socket_last_error(); // socket_recvmsg leaves its error here, not at the socket
        } while ($error === SOCKET_EINTR);
        throw $error === SOCKET_EAGAIN
            ? new TimeoutException("The server did not answer in {$this->timeout} s")
            : new ConnectionException("{$this->path}: the connection broke: " . socket_strerror($error));
    }

    /** @param array<string, mixed> $message what socket_recvmsg made of its argument */
    private function whole(int $size, #[SensitiveParameter] array $message): Reply
    {
        $descriptors = [];
        foreach ($message['control'] as $control) {
            if ($control['level'] === SOL_SOCKET && $control['type'] === SCM_RIGHTS) {
                array_push($descriptors, ...$control['data']);
            }
        }
        try {
            if (($message['flags'] & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
                throw new ProtocolException('The answer, or a descriptor with it, did not arrive whole');
            }
            if ($size === 0) {
                throw new ConnectionException("{$this->path}: the server closed the connection");
            }

            return new Reply($message['iov'][0], array_map(self::content(...), $descriptors));
        } finally {
            foreach (array_filter($descriptors, is_resource(...)) as $stream) {
                fclose($stream);
            }
        }
    }

    /** What is in a descriptor, which PHP hands over as a stream; its offset is wherever the server left it. */
    private static function content(mixed $stream): string
    {
        $content = is_resource($stream) ? @stream_get_contents($stream, null, 0) : false;
        if ($content === false || strlen($content) !== fstat($stream)['size']) {
            throw new ProtocolException('A descriptor came with the answer that cannot be read');
        }

        return $content;
    }

    /** Lets the next call on the socket wait until then, and not longer. */
    private static function limit(Socket $socket, int $option, float $until): void
    {
        $left = max($until - microtime(true), 0.001); // 0 would be forever
        $seconds = (int) $left;
        socket_set_option($socket, SOL_SOCKET, $option, [
            'sec' => $seconds,
            'usec' => (int) (($left - $seconds) * 1e6),
        ]);
    }
}
