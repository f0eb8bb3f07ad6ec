<?php

declare(strict_types=1);

namespace Shop;

use Rpcd\Client;
use Rpcd\Exception\BusyException;
use Rpcd\Exception\ConflictException;
use Rpcd\Exception\ConnectionException;
use Rpcd\Exception\DeniedException;
use Rpcd\Exception\NoSuchFileException;
use Rpcd\Exception\NoSuchKeyException;
use Rpcd\Exception\NotEditableException;
use Rpcd\Exception\OutcomeUnknown;
use Rpcd\Exception\RefusalException;
use Rpcd\Exception\RejectedException;
use Rpcd\Exception\RpcdException;
use Rpcd\Exception\StorageException;
use Rpcd\Exception\TimeoutException;
use Rpcd\Exception\UnavailableException;
use stdClass;

/**
 * The shop's settings, which are in a file that only root may read: rpcd reads and changes it, as far as it is granted.
 */
final class Settings
{
    /** What the form shows: the name of each field, and its key in the file. */
    public const FIELDS = ['title' => 'shop.title', 'from' => 'mail.from'];

    private const TARGET = 'shop';

    public function __construct(private readonly Client $rpcd)
    {
    }

    /**
     * What the server tells of each field: the schema that belongs to the file says what it is, and what it takes.
     *
     * @return array<string, array{key: string, label: string, type: string, longest: int, value: string}>
     * @throws RpcdException
     */
    public function load(): array
    {
        $told = $this->rpcd->describe(self::TARGET);
        $load = static function (string $key) use ($told): array {
            [$section, $name] = explode('.', $key);
            $schema = $told->schema->properties->{$section}->properties->{$name} ?? new stdClass();

            return [
                'key' => $key,
                'label' => $schema->title ?? $key,
                'type' => ($schema->format ?? '') === 'email' ? 'email' : 'text',
                'longest' => $schema->maxLength ?? 255,
                'value' => (string) ($told->values->{$section}->{$name} ?? ''),
            ];
        };

        return array_map($load, self::FIELDS);
    }

    /**
     * Changes one field if it is not as it was when the form was shown; somebody else's change since is a conflict.
     *
     * @return bool whether there was anything to change
     * @throws RpcdException
     */
    public function save(string $field, string $value, string $shown, string $actor): bool
    {
        if ($value === $shown) {
            return false;
        }
        $this->rpcd->updateKey(self::TARGET, self::FIELDS[$field], $value, expect: $shown, actor: $actor);

        return true;
    }

    /**
     * What this page has not been granted.
     *
     * @throws RpcdException
     */
    public function password(): string
    {
        return (string) $this->rpcd->getKey(self::TARGET, 'mail.password')->value;
    }

    /**
     * What is wrong with what was typed in, in words for whoever typed it.
     *
     * @param array<string, string> $values
     */
    public static function fault(array $values): ?string
    {
        return match (true) {
            trim($values['title']) === '' => 'The shop needs a title.',
            preg_match('/^\P{C}{1,80}$/Du', $values['title']) !== 1 => 'The title has one line, up to 80 characters.',
            filter_var($values['from'], FILTER_VALIDATE_EMAIL) === false => 'That is not a mail address.',
            default => null,
        };
    }

    /** Why a call failed, in words for whoever uses the page. The kind is for whoever helps them. */
    public static function explain(RpcdException $error): string
    {
        $words = match (true) {
            $error instanceof OutcomeUnknown => 'It is not certain whether this was saved. Look at the values again.',
            $error instanceof DeniedException => 'This page is not allowed to do that.',
            $error instanceof ConflictException => 'Somebody else has changed this in the meantime. It was not saved.',
            $error instanceof NoSuchKeyException,
            $error instanceof NoSuchFileException => 'The settings do not have what this page looks for.',
            $error instanceof NotEditableException => 'The settings file cannot hold that value. It was not saved.',
            $error instanceof RejectedException => "The shop's own rules do not accept that value. It was not saved.",
            $error instanceof BusyException => 'Too much is being changed just now. Try again in a moment.',
            $error instanceof UnavailableException => 'Settings cannot be changed at the moment. It was not saved.',
            $error instanceof StorageException => 'The settings file cannot be written. It was not saved.',
            $error instanceof ConnectionException => 'The settings service is not running.',
            $error instanceof TimeoutException => 'The settings service does not answer.',
            default => 'Something went wrong. It was not saved.',
        };

        return $error instanceof RefusalException ? "{$words} ({$error->kind})" : $words;
    }
}
