<?php

declare(strict_types=1);

namespace Rpcd\Exception;

/**
 * A change was asked for, and the answer did not come; the previous exception says why. It is never asked for twice.
 */
final class AnswerLostException extends RpcdException implements OutcomeUnknown
{
    public function __construct(RpcdException $why)
    {
        parent::__construct("It is not known whether the change took effect: {$why->getMessage()}", 0, $why);
    }
}
