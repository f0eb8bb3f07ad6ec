<?php

/**
 * A form for two settings: shows them, saves them through rpcd, and says in plain words what became of it.
 */

declare(strict_types=1);

use Rpcd\Client;
use Rpcd\Exception\RpcdException;
use Shop\Settings;

require dirname(__DIR__, 2) . '/php/autoload.php';
require dirname(__DIR__) . '/Settings.php';

header("Content-Security-Policy: default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'");
header('X-Content-Type-Options: nosniff');
header('Cache-Control: no-store');

session_start(['cookie_httponly' => true, 'cookie_samesite' => 'Strict', 'use_strict_mode' => true]);
$token = $_SESSION['token'] ??= bin2hex(random_bytes(32));
$notice = $_SESSION['notice'] ?? null;
unset($_SESSION['notice']);

$settings = new Settings(new Client(connectTimeout: 2.0, timeout: 10.0));
$typed = null;

/** Text from the form; anything else that a browser can be made to send is empty text. */
$posted = static fn (mixed $value): string => is_string($value) && preg_match('//u', $value) === 1 ? $value : '';

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    if (!hash_equals($token, $posted($_POST['token'] ?? null))) {
        http_response_code(403);
        $notice = [false, 'The form was too old. Nothing was saved; please try again.'];
    } elseif (($_POST['action'] ?? null) === 'password') {
        try {
            $notice = [true, 'The mail password is: ' . $settings->password()];
        } catch (RpcdException $error) {
            $notice = [false, Settings::explain($error)];
        }
    } else {
        foreach (array_keys(Settings::FIELDS) as $name) {
            $typed[$name] = $posted($_POST[$name] ?? null);
        }
        $fault = Settings::fault($typed);
        $saved = [];
        foreach ($fault === null ? Settings::FIELDS : [] as $name => $key) {
            try {
                $was = $posted($_POST['shown'][$name] ?? null);
                if ($settings->save($name, $typed[$name], $was, actor: 'shopkeeper')) {
                    $saved[] = $key;
                }
            } catch (RpcdException $error) {
                $fault = "{$key}: " . Settings::explain($error);
                break;
            }
        }
        $done = $saved === [] ? '' : 'Saved: ' . implode(', ', $saved) . '.';
        if ($fault === null) {
            $_SESSION['notice'] = [true, $done ?: 'There was nothing to save.'];
            header('Location: /', response_code: 303);
            exit;
        }
        $notice = [false, trim("{$done} {$fault}")];
    }
}

try {
    $fields = $settings->load();
    $shown = array_map(static fn (array $field): string => $field['value'], $fields);
    $values = $typed ?? $shown;
} catch (RpcdException $error) {
    http_response_code(503);
    $values = null;
    $shown = $fields = [];
    $notice ??= [false, Settings::explain($error)];
}
$user = posix_getpwuid(posix_geteuid())['name'] ?? 'nobody';
require dirname(__DIR__) . '/page.php';
