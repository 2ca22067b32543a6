from .lint import LintResult as LintResult, lint as lint
from .subject import LintRequest as LintRequest
